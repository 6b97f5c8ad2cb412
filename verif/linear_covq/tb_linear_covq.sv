// tb_linear_covq: linear_covq with a memory behind each of its three ports, all three reading the same image, and counters that
// say what every cycle was spent on. Simulation only.
//
// A cycle between the first command and the last result counts as the first of these that holds:
//   lookup   an index beat is consumed          row write  rows are being written into the lookup RAMs
//   result   accumulators are going out         index wait no index beat is there
//   row wait no row is there (search or memory) other      windows, pipeline
`define PORT_SIGNALS(P) \
  logic [0:0] P``_arid, P``_rid; logic [63:0] P``_araddr; logic [7:0] P``_arlen; logic [2:0] P``_arsize, P``_arprot; \
  logic [1:0] P``_arburst, P``_rresp; logic [3:0] P``_arcache; logic P``_arvalid, P``_arready, P``_rlast, P``_rvalid, P``_rready; \
  logic [255:0] P``_rdata;

`define PORT_CORE(P) \
  .m_axi_``P``_arid(P``_arid), .m_axi_``P``_araddr(P``_araddr), .m_axi_``P``_arlen(P``_arlen), \
  .m_axi_``P``_arsize(P``_arsize), .m_axi_``P``_arburst(P``_arburst), .m_axi_``P``_arcache(P``_arcache), \
  .m_axi_``P``_arprot(P``_arprot), .m_axi_``P``_arvalid(P``_arvalid), .m_axi_``P``_arready(P``_arready), \
  .m_axi_``P``_rid(P``_rid), .m_axi_``P``_rdata(P``_rdata), .m_axi_``P``_rresp(P``_rresp), \
  .m_axi_``P``_rlast(P``_rlast), .m_axi_``P``_rvalid(P``_rvalid), .m_axi_``P``_rready(P``_rready)

`define PORT_MEMORY(P, N) \
  axi_read_mem #(.MemBytes(MemBytes)) i_mem_``P ( \
      .clk_i, .rst_ni, .s_axi_arid(P``_arid), .s_axi_araddr(P``_araddr), .s_axi_arlen(P``_arlen), \
      .s_axi_arsize(P``_arsize), .s_axi_arburst(P``_arburst), .s_axi_arvalid(P``_arvalid), .s_axi_arready(P``_arready), \
      .s_axi_rid(P``_rid), .s_axi_rdata(P``_rdata), .s_axi_rresp(P``_rresp), .s_axi_rlast(P``_rlast), \
      .s_axi_rvalid(P``_rvalid), .s_axi_rready(P``_rready), .latency_i(16'd0), .ar_stall_i, .r_gap_i, \
      .seed_i(seed_i + N), .err_en_i(err_en_i[N]), .err_addr_i, .err_resp_i(2'b10), .err_last_i(1'b0), \
      .dead_i(1'b0), .load_i, .ars_o(), .beats_o(beats_``P``_o));

module tb_linear_covq
  import linear_covq_pkg::*;
#(
    parameter int unsigned Lanes = 2,
    parameter int unsigned Units = 32,
    parameter int unsigned Tokens = 8,
    parameter int unsigned DrainW = 2,
    parameter int unsigned SearchUnits = 64,
    parameter int unsigned TablePositions = 512,
    parameter int unsigned MaxPositions = 512,
    parameter int unsigned MaxTokens = 32,
    parameter int unsigned MemBytes = 8388608
) (
    input  logic                        clk_i,
    input  logic                        rst_ni,
    input  logic                        s_cmd_table,
    input  logic                        s_cmd_search,
    input  logic [                 1:0] s_cmd_k_code,
    input  logic [                 1:0] s_cmd_c_code,
    input  logic [                15:0] s_cmd_positions,
    input  logic [                15:0] s_cmd_tokens,
    input  logic [                 7:0] s_cmd_slots,
    input  logic [                63:0] s_cmd_cb_addr,
    input  logic [                63:0] s_cmd_packet_addr,
    input  logic [                31:0] s_cmd_packet_bytes,
    input  logic [                63:0] s_cmd_row_addr,
    input  logic [                15:0] s_cmd_row_stride,
    input  logic [                15:0] s_cmd_row_offset,
    input  logic                        s_cmd_tvalid,
    output logic                        s_cmd_tready,
    input  logic [                15:0] s_axis_vec_tdata,
    input  logic                        s_axis_vec_tvalid,
    output logic                        s_axis_vec_tready,
    output logic [Tokens*DrainW*32-1:0] m_axis_acc_tdata,
    output logic                        m_axis_acc_tlast,
    output logic                        m_axis_acc_tvalid,
    input  logic                        m_axis_acc_tready,
    input  logic                        clear_i,
    output logic                        idle_o,
    output logic                        error_o,
    output logic [                 2:0] error_source_o,
    output logic [                 3:0] error_cause_o,
    // memory: random stalls, one failing address, a new image
    input  logic [                 7:0] ar_stall_i,
    input  logic [                 7:0] r_gap_i,
    input  logic [                31:0] seed_i,
    input  logic [                 2:0] err_en_i,           // codebook, index, row port
    input  logic [                63:0] err_addr_i,
    input  logic                        load_i,
    // since the last count_clear_i
    input  logic                        count_clear_i,
    output logic [                31:0] beats_cb_o,
    output logic [                31:0] beats_idx_o,
    output logic [                31:0] beats_row_o,
    output logic [                31:0] count_lookup_o,
    output logic [                31:0] count_row_write_o,
    output logic [                31:0] count_result_o,
    output logic [                31:0] count_index_wait_o,
    output logic [                31:0] count_row_wait_o,
    output logic [                31:0] count_other_o
);
  `PORT_SIGNALS(cb)
  `PORT_SIGNALS(idx)
  `PORT_SIGNALS(row)
  error_source_e source;
  assign error_source_o = source;

  linear_covq #(
      .Lanes(Lanes), .Units(Units), .Tokens(Tokens), .DrainW(DrainW), .SearchUnits(SearchUnits),
      .TablePositions(TablePositions), .MaxPositions(MaxPositions), .MaxTokens(MaxTokens)
  ) i_dut (
      .clk_i, .rst_ni, .s_cmd_table, .s_cmd_search, .s_cmd_k_code, .s_cmd_c_code, .s_cmd_positions, .s_cmd_tokens,
      .s_cmd_slots, .s_cmd_cb_addr, .s_cmd_packet_addr, .s_cmd_packet_bytes, .s_cmd_row_addr, .s_cmd_row_stride,
      .s_cmd_row_offset, .s_cmd_tvalid, .s_cmd_tready, .s_axis_vec_tdata, .s_axis_vec_tvalid, .s_axis_vec_tready,
      .m_axis_acc_tdata, .m_axis_acc_tlast, .m_axis_acc_tvalid, .m_axis_acc_tready,
      `PORT_CORE(cb), `PORT_CORE(idx), `PORT_CORE(row), .clear_i, .idle_o, .error_o, .error_source_o(source),
      .error_cause_o
  );

  `PORT_MEMORY(cb, 0)
  `PORT_MEMORY(idx, 1)
  `PORT_MEMORY(row, 2)

  logic active_q;  // a command was taken and the core is not idle again
  wire lookup = i_dut.index_valid && i_dut.index_ready;
  wire row_write = i_dut.entry_valid && i_dut.entry_ready;

  always_ff @(posedge clk_i) begin
    if (!rst_ni || count_clear_i) begin
      active_q <= 1'b0;
      {count_lookup_o, count_row_write_o, count_result_o} <= '0;
      {count_index_wait_o, count_row_wait_o, count_other_o} <= '0;
    end else begin
      if (i_dut.cmd_take) active_q <= 1'b1;
      else if (idle_o) active_q <= 1'b0;
      if (active_q && !idle_o) begin
        if (lookup) count_lookup_o <= count_lookup_o + 1;
        else if (row_write) count_row_write_o <= count_row_write_o + 1;
        else if (m_axis_acc_tvalid) count_result_o <= count_result_o + 1;
        else if (!i_dut.index_valid) count_index_wait_o <= count_index_wait_o + 1;
        else if (!i_dut.entry_valid) count_row_wait_o <= count_row_wait_o + 1;
        else count_other_o <= count_other_o + 1;
      end
    end
  end
endmodule
