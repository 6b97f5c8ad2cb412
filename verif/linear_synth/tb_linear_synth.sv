// tb_linear_synth: linear_synth with a memory behind each of its ports, all reading the same image. Simulation only.
module tb_linear_synth
  import linear_synth_pkg::*;
#(
    parameter int unsigned Slices = 2,
    parameter int unsigned Width = 16,
    parameter int unsigned Lanes = 2,
    parameter int unsigned Units = 32,
    parameter int unsigned Slots = 32,
    parameter int unsigned Centroids = 64,
    parameter int unsigned MaxInputs = 4096,
    parameter int unsigned MaxPositions = 4096,
    parameter int unsigned BufferBeats = 512,
    parameter int unsigned IndexBeats = 512,
    parameter int unsigned DrainW = 2,
    parameter int unsigned Tokens = 1,
    parameter int unsigned Drains = 1,
    parameter bit Gather = 1'b0,
    parameter int unsigned MemBytes = 2097152
) (
    input  logic                    clk_i,
    input  logic                    rst_ni,
    input  logic [             3:0] s_cmd_act_bits,
    input  logic [             1:0] s_cmd_code,
    input  logic [            15:0] s_cmd_inputs,
    input  logic [            18:0] s_cmd_outputs,
    input  logic [            15:0] s_cmd_positions,
    input  logic [            15:0] s_cmd_group,
    input  logic [             2:0] s_cmd_subsets,
    input  logic [            31:0] s_cmd_stream,
    input  logic [            31:0] s_cmd_beats,
    input  logic [             3:0] s_cmd_tokens,
    input  logic [             1:0] s_cmd_mode,
    input  logic                    s_cmd_tvalid,
    output logic                    s_cmd_tready,
    input  logic [            63:0] port_base_i,
    input  logic [            63:0] port_stride_i,
    input  logic [    Width*32-1:0] s_axis_tdata,
    input  logic                    s_axis_tlast,
    input  logic                    s_axis_tvalid,
    output logic                    s_axis_tready,
    input  logic [    Width*32-1:0] s_axis_factor_tdata,
    input  logic                    s_axis_factor_tvalid,
    output logic                    s_axis_factor_tready,
    input  logic [           255:0] s_axis_pairs_tdata,
    input  logic                    s_axis_pairs_tlast,
    input  logic                    s_axis_pairs_tvalid,
    output logic                    s_axis_pairs_tready,
    output logic [    Width*32-1:0] m_axis_acc_tdata,
    output logic                    m_axis_acc_tlast,
    output logic                    m_axis_acc_tvalid,
    input  logic                    m_axis_acc_tready,
    output logic [            31:0] m_axis_act_tdata,
    output logic                    m_axis_act_tvalid,
    input  logic                    m_axis_act_tready,
    input  logic                    clear_i,
    output logic                    found_o,
    output logic                    busy_o,
    output logic                    idle_o,
    output logic                    error_o,
    output logic [             2:0] error_source_o,
    output logic [             3:0] error_cause_o,
    output logic [             5:0] error_slice_o,
    output logic [            63:0] error_addr_o,
    // memory: latency (0: its own), random stalls, one failing address of some ports, a new image; beats since the reset
    input  logic [            15:0] latency_i,
    input  logic [             7:0] ar_stall_i,
    input  logic [             7:0] r_gap_i,
    input  logic [            31:0] seed_i,
    input  logic [      Slices-1:0] err_en_i,
    input  logic [            63:0] err_addr_i,
    input  logic                    load_i,
    output logic [Slices-1:0][31:0] beats_o
);
  localparam int unsigned SliceW = (Slices > 1) ? $clog2(Slices) : 1;

  logic [Slices-1:0][0:0] arid, rid;
  logic [Slices-1:0][63:0] araddr;
  logic [Slices-1:0][7:0] arlen;
  logic [Slices-1:0][2:0] arsize, arprot;
  logic [Slices-1:0][1:0] arburst, rresp;
  logic [Slices-1:0][3:0] arcache;
  logic [Slices-1:0] arvalid, arready, rlast, rvalid, rready;
  logic [Slices-1:0][255:0] rdata;
  logic [SliceW-1:0] error_slice;
  error_source_e error_source;
  assign error_source_o = error_source;
  assign error_slice_o  = 6'(error_slice);

  linear_synth #(
      .Slices(Slices), .Width(Width), .Lanes(Lanes), .Units(Units), .Slots(Slots), .Centroids(Centroids), .MaxInputs(MaxInputs),
      .MaxPositions(MaxPositions), .BufferBeats(BufferBeats), .IndexBeats(IndexBeats), .DrainW(DrainW), .Tokens(Tokens), .Drains(Drains), .Gather(Gather)
  ) i_dut (
      .clk_i, .rst_ni, .s_cmd_act_bits, .s_cmd_code, .s_cmd_inputs, .s_cmd_outputs, .s_cmd_positions, .s_cmd_group,
      .s_cmd_subsets, .s_cmd_stream, .s_cmd_beats, .s_cmd_tokens, .s_cmd_mode, .s_cmd_tvalid, .s_cmd_tready, .port_base_i, .port_stride_i,
      .s_axis_tdata, .s_axis_tlast, .s_axis_tvalid, .s_axis_tready, .s_axis_factor_tdata, .s_axis_factor_tvalid,
      .s_axis_factor_tready, .s_axis_pairs_tdata, .s_axis_pairs_tlast,
      .s_axis_pairs_tvalid, .s_axis_pairs_tready, .m_axis_acc_tdata, .m_axis_acc_tlast, .m_axis_acc_tvalid,
      .m_axis_acc_tready, .m_axis_act_tdata, .m_axis_act_tvalid, .m_axis_act_tready, .m_axi_arid(arid),
      .m_axi_araddr(araddr), .m_axi_arlen(arlen), .m_axi_arsize(arsize), .m_axi_arburst(arburst), .m_axi_arcache(arcache),
      .m_axi_arprot(arprot), .m_axi_arvalid(arvalid), .m_axi_arready(arready), .m_axi_rid(rid), .m_axi_rdata(rdata),
      .m_axi_rresp(rresp), .m_axi_rlast(rlast), .m_axi_rvalid(rvalid), .m_axi_rready(rready), .clear_i, .found_o, .busy_o, .idle_o,
      .error_o, .error_source_o(error_source), .error_cause_o, .error_slice_o(error_slice), .error_addr_o
  );

  for (genvar s = 0; s < Slices; s++) begin : gen_port
    axi_read_mem #(
        .MemBytes(MemBytes)
    ) i_mem (
        .clk_i, .rst_ni, .s_axi_arid(arid[s]), .s_axi_araddr(araddr[s]), .s_axi_arlen(arlen[s]), .s_axi_arsize(arsize[s]),
        .s_axi_arburst(arburst[s]), .s_axi_arvalid(arvalid[s]), .s_axi_arready(arready[s]), .s_axi_rid(rid[s]),
        .s_axi_rdata(rdata[s]), .s_axi_rresp(rresp[s]), .s_axi_rlast(rlast[s]), .s_axi_rvalid(rvalid[s]),
        .s_axi_rready(rready[s]), .latency_i, .ar_stall_i, .r_gap_i, .seed_i(seed_i + s), .err_en_i(err_en_i[s]),
        .err_addr_i, .err_resp_i(2'b10), .err_last_i(1'b0), .dead_i(1'b0), .load_i, .ars_o(), .beats_o(beats_o[s])
    );
  end
endmodule
