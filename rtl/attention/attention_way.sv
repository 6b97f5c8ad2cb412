// attention_way: one way of attention: the caches of keys and values on their two AXI ports, and all that the numbers of these ports
// need by themselves: the products of keys and q with their trees of 16, the weighted sums of values.
//
// Way j holds of every head the dimensions d with (d / 16) % Ways == j. Every control signal comes from outside and is that of all
// ways, but the streams of keys and of values run at their own pace.
//
// Latency:       of attention_cache; key_i to dot_o 1 + FromBf16 + Mul + 4 Add with q_i of the cycle after the beat; of attention_sum.
// Throughput:    one beat of keys, one column of values a cycle.
// Back-pressure: k_ready_i stops the keys; values stop when Blocks blocks wait.
//
// Parameters:
//   as in attention; MaxBeats  of a head on a port, a power of two
// Ports:
//   s_line_*_i, base_*_i  offset of the layer's cache and where the port's caches begin, in beats; 2 cycles before s_job_valid_i
//   k_*            the next beat of keys and what it is; taken with k_ready_i
//   q_i            of all heads, for the beat taken in the cycle before
//   block_*        attention_transpose: its next block; take, release, beat and lane as there
//   seen_i         positions that the block read has
//   p_i, alpha_i, column_read_i, column_end_i, end_valid_i  for attention_sum
//   result_*       four dimensions of every head's results
module attention_way
  import attention_pkg::*;
  import fp32_pkg::*;
#(
    parameter int unsigned QHeads = 2,
    parameter int unsigned MaxBeats = 8,
    parameter int unsigned KvBits = 16,
    parameter int unsigned AddrW = 64,
    parameter int unsigned IdW = 1,
    parameter int unsigned ReadBeats = 512,
    parameter int unsigned WindowBytes = 4096,
    parameter int unsigned KvBeats = 128,
    parameter int unsigned Blocks = 4,
    localparam int unsigned BeatW = (MaxBeats > 1) ? $clog2(MaxBeats) : 1,
    localparam int unsigned RowW = $clog2(Lanes * MaxBeats / Quad)
) (
    input  logic                                 clk_i,
    input  logic                                 rst_ni,             // of the AXI side
    input  logic                                 core_rst_ni,        // of the rest; low during a clear
    input  logic                                 clear_i,
    input  job_t                                 s_job_i,
    input  logic [    AddrW-6:0]                 s_line_k_i,
    input  logic [    AddrW-6:0]                 s_line_v_i,
    input  logic [    AddrW-6:0]                 base_k_i,
    input  logic [    AddrW-6:0]                 base_v_i,
    input  logic                                 s_job_valid_i,
    output logic                                 s_job_ready_o,
    input  logic [ 32*Lanes-1:0]                 s_axis_k_tdata,
    input  logic                                 s_axis_k_tvalid,
    output logic                                 s_axis_k_tready,
    input  logic [ 32*Lanes-1:0]                 s_axis_v_tdata,
    input  logic                                 s_axis_v_tvalid,
    output logic                                 s_axis_v_tready,
    // keys to scores
    output logic                                 k_end_o,
    output logic                                 k_last_o,
    output logic                                 k_valid_o,
    input  logic                                 k_ready_i,
    input  logic [   QHeads-1:0][32*Lanes-1:0]   q_i,
    output logic [   QHeads-1:0][31:0]           dot_o,
    // values to results
    output logic [          4:0]                 block_beats_o,
    output logic                                 block_valid_o,
    input  logic                                 block_take_i,
    input  logic                                 block_release_i,
    input  logic [    BeatW-1:0]                 read_beat_i,
    input  logic [          3:0]                 read_lane_i,
    input  logic [    Lanes-1:0]                 seen_i,
    input  logic [   QHeads-1:0][32*Lanes-1:0]   p_i,
    input  logic [   QHeads-1:0][31:0]           alpha_i,
    input  logic [          7:0]                 column_read_i,
    input  column_t                              column_end_i,
    input  logic                                 end_valid_i,
    input  logic                                 result_bank_i,
    input  logic [     RowW-1:0]                 result_row_i,
    output logic [   QHeads-1:0][Quad-1:0][31:0] result_o,
    // state
    output logic                                 written_o,
    output logic                                 idle_o,
    output logic                                 k_read_error_o,
    output hbm_streamer_pkg::cause_e             k_read_cause_o,
    output logic [    AddrW-1:0]                 k_read_addr_o,
    output logic                                 k_write_error_o,
    output hbm_streamer_pkg::cause_e             k_write_cause_o,
    output logic [    AddrW-1:0]                 k_write_addr_o,
    output logic                                 v_read_error_o,
    output hbm_streamer_pkg::cause_e             v_read_cause_o,
    output logic [    AddrW-1:0]                 v_read_addr_o,
    output logic                                 v_write_error_o,
    output hbm_streamer_pkg::cause_e             v_write_cause_o,
    output logic [    AddrW-1:0]                 v_write_addr_o,
    // AXI4, keys
    output logic [IdW-1:0]                                   m_axi_k_arid,
    output logic [AddrW-1:0]                                 m_axi_k_araddr,
    output logic [7:0]                                       m_axi_k_arlen,
    output logic [2:0]                                       m_axi_k_arsize,
    output logic [1:0]                                       m_axi_k_arburst,
    output logic [3:0]                                       m_axi_k_arcache,
    output logic [2:0]                                       m_axi_k_arprot,
    output logic                                             m_axi_k_arvalid,
    input  logic                                             m_axi_k_arready,
    input  logic [IdW-1:0]                                   m_axi_k_rid,
    input  logic [16*Lanes-1:0]                              m_axi_k_rdata,
    input  logic [1:0]                                       m_axi_k_rresp,
    input  logic                                             m_axi_k_rlast,
    input  logic                                             m_axi_k_rvalid,
    output logic                                             m_axi_k_rready,
    output logic [IdW-1:0]                                   m_axi_k_awid,
    output logic [AddrW-1:0]                                 m_axi_k_awaddr,
    output logic [7:0]                                       m_axi_k_awlen,
    output logic [2:0]                                       m_axi_k_awsize,
    output logic [1:0]                                       m_axi_k_awburst,
    output logic [3:0]                                       m_axi_k_awcache,
    output logic [2:0]                                       m_axi_k_awprot,
    output logic                                             m_axi_k_awvalid,
    input  logic                                             m_axi_k_awready,
    output logic [16*Lanes-1:0]                              m_axi_k_wdata,
    output logic [2*Lanes-1:0]                               m_axi_k_wstrb,
    output logic                                             m_axi_k_wlast,
    output logic                                             m_axi_k_wvalid,
    input  logic                                             m_axi_k_wready,
    input  logic [IdW-1:0]                                   m_axi_k_bid,
    input  logic [1:0]                                       m_axi_k_bresp,
    input  logic                                             m_axi_k_bvalid,
    output logic                                             m_axi_k_bready,
    // AXI4, values
    output logic [IdW-1:0]                                   m_axi_v_arid,
    output logic [AddrW-1:0]                                 m_axi_v_araddr,
    output logic [7:0]                                       m_axi_v_arlen,
    output logic [2:0]                                       m_axi_v_arsize,
    output logic [1:0]                                       m_axi_v_arburst,
    output logic [3:0]                                       m_axi_v_arcache,
    output logic [2:0]                                       m_axi_v_arprot,
    output logic                                             m_axi_v_arvalid,
    input  logic                                             m_axi_v_arready,
    input  logic [IdW-1:0]                                   m_axi_v_rid,
    input  logic [16*Lanes-1:0]                              m_axi_v_rdata,
    input  logic [1:0]                                       m_axi_v_rresp,
    input  logic                                             m_axi_v_rlast,
    input  logic                                             m_axi_v_rvalid,
    output logic                                             m_axi_v_rready,
    output logic [IdW-1:0]                                   m_axi_v_awid,
    output logic [AddrW-1:0]                                 m_axi_v_awaddr,
    output logic [7:0]                                       m_axi_v_awlen,
    output logic [2:0]                                       m_axi_v_awsize,
    output logic [1:0]                                       m_axi_v_awburst,
    output logic [3:0]                                       m_axi_v_awcache,
    output logic [2:0]                                       m_axi_v_awprot,
    output logic                                             m_axi_v_awvalid,
    input  logic                                             m_axi_v_awready,
    output logic [16*Lanes-1:0]                              m_axi_v_wdata,
    output logic [2*Lanes-1:0]                               m_axi_v_wstrb,
    output logic                                             m_axi_v_wlast,
    output logic                                             m_axi_v_wvalid,
    input  logic                                             m_axi_v_wready,
    input  logic [IdW-1:0]                                   m_axi_v_bid,
    input  logic [1:0]                                       m_axi_v_bresp,
    input  logic                                             m_axi_v_bvalid,
    output logic                                             m_axi_v_bready
);
  // ---- memory ----------------------------------------------------------------------------------------------------------
  logic [AddrW-6:0] line_k, line_v;
  logic [16*Lanes-1:0] k_data, v_data, column_data;
  logic [4:0] k_beats, v_beats;
  logic v_end, v_last, v_valid, v_ready, k_room, v_room, k_idle, v_idle, k_written, v_written;
  wire spread = s_job_valid_i && s_job_ready_o;
  assign s_job_ready_o = k_room && v_room;
  assign idle_o = k_idle && v_idle;
  assign written_o = k_written && v_written;

  attention_base #(.AddrW(AddrW)) u_line_k (.clk_i, .base_i(base_k_i), .offset_i(s_line_k_i), .line_o(line_k));
  attention_base #(.AddrW(AddrW)) u_line_v (.clk_i, .base_i(base_v_i), .offset_i(s_line_v_i), .line_o(line_v));

  attention_cache #(
      .KvBits(KvBits), .MaxBeats(MaxBeats), .AddrW(AddrW), .IdW(IdW), .ReadBeats(ReadBeats), .WindowBytes(WindowBytes),
      .KvBeats(KvBeats)
  ) u_keys (
      .clk_i, .rst_ni, .core_rst_ni, .clear_i,
      .s_job_i, .s_line_i(line_k), .s_job_valid_i(spread), .s_job_ready_o(k_room),
      .s_axis_tdata(s_axis_k_tdata), .s_axis_tvalid(s_axis_k_tvalid), .s_axis_tready(s_axis_k_tready),
      .m_data_o(k_data), .m_beats_o(k_beats), .m_end_o(k_end_o), .m_last_o(k_last_o), .m_valid_o(k_valid_o), .m_ready_i(k_ready_i),
      .written_o(k_written), .idle_o(k_idle),
      .read_error_o(k_read_error_o), .read_cause_o(k_read_cause_o), .read_addr_o(k_read_addr_o),
      .write_error_o(k_write_error_o), .write_cause_o(k_write_cause_o), .write_addr_o(k_write_addr_o),
      .m_axi_arid(m_axi_k_arid), .m_axi_araddr(m_axi_k_araddr), .m_axi_arlen(m_axi_k_arlen), .m_axi_arsize(m_axi_k_arsize),
      .m_axi_arburst(m_axi_k_arburst), .m_axi_arcache(m_axi_k_arcache), .m_axi_arprot(m_axi_k_arprot),
      .m_axi_arvalid(m_axi_k_arvalid), .m_axi_arready(m_axi_k_arready), .m_axi_rid(m_axi_k_rid), .m_axi_rdata(m_axi_k_rdata),
      .m_axi_rresp(m_axi_k_rresp), .m_axi_rlast(m_axi_k_rlast), .m_axi_rvalid(m_axi_k_rvalid), .m_axi_rready(m_axi_k_rready),
      .m_axi_awid(m_axi_k_awid), .m_axi_awaddr(m_axi_k_awaddr), .m_axi_awlen(m_axi_k_awlen), .m_axi_awsize(m_axi_k_awsize),
      .m_axi_awburst(m_axi_k_awburst), .m_axi_awcache(m_axi_k_awcache), .m_axi_awprot(m_axi_k_awprot),
      .m_axi_awvalid(m_axi_k_awvalid), .m_axi_awready(m_axi_k_awready), .m_axi_wdata(m_axi_k_wdata),
      .m_axi_wstrb(m_axi_k_wstrb), .m_axi_wlast(m_axi_k_wlast), .m_axi_wvalid(m_axi_k_wvalid), .m_axi_wready(m_axi_k_wready),
      .m_axi_bid(m_axi_k_bid), .m_axi_bresp(m_axi_k_bresp), .m_axi_bvalid(m_axi_k_bvalid), .m_axi_bready(m_axi_k_bready)
  );
  attention_cache #(
      .KvBits(KvBits), .MaxBeats(MaxBeats), .AddrW(AddrW), .IdW(IdW), .ReadBeats(ReadBeats), .WindowBytes(WindowBytes),
      .KvBeats(KvBeats)
  ) u_values (
      .clk_i, .rst_ni, .core_rst_ni, .clear_i,
      .s_job_i, .s_line_i(line_v), .s_job_valid_i(spread), .s_job_ready_o(v_room),
      .s_axis_tdata(s_axis_v_tdata), .s_axis_tvalid(s_axis_v_tvalid), .s_axis_tready(s_axis_v_tready),
      .m_data_o(v_data), .m_beats_o(v_beats), .m_end_o(v_end), .m_last_o(v_last), .m_valid_o(v_valid), .m_ready_i(v_ready),
      .written_o(v_written), .idle_o(v_idle),
      .read_error_o(v_read_error_o), .read_cause_o(v_read_cause_o), .read_addr_o(v_read_addr_o),
      .write_error_o(v_write_error_o), .write_cause_o(v_write_cause_o), .write_addr_o(v_write_addr_o),
      .m_axi_arid(m_axi_v_arid), .m_axi_araddr(m_axi_v_araddr), .m_axi_arlen(m_axi_v_arlen), .m_axi_arsize(m_axi_v_arsize),
      .m_axi_arburst(m_axi_v_arburst), .m_axi_arcache(m_axi_v_arcache), .m_axi_arprot(m_axi_v_arprot),
      .m_axi_arvalid(m_axi_v_arvalid), .m_axi_arready(m_axi_v_arready), .m_axi_rid(m_axi_v_rid), .m_axi_rdata(m_axi_v_rdata),
      .m_axi_rresp(m_axi_v_rresp), .m_axi_rlast(m_axi_v_rlast), .m_axi_rvalid(m_axi_v_rvalid), .m_axi_rready(m_axi_v_rready),
      .m_axi_awid(m_axi_v_awid), .m_axi_awaddr(m_axi_v_awaddr), .m_axi_awlen(m_axi_v_awlen), .m_axi_awsize(m_axi_v_awsize),
      .m_axi_awburst(m_axi_v_awburst), .m_axi_awcache(m_axi_v_awcache), .m_axi_awprot(m_axi_v_awprot),
      .m_axi_awvalid(m_axi_v_awvalid), .m_axi_awready(m_axi_v_awready), .m_axi_wdata(m_axi_v_wdata),
      .m_axi_wstrb(m_axi_v_wstrb), .m_axi_wlast(m_axi_v_wlast), .m_axi_wvalid(m_axi_v_wvalid), .m_axi_wready(m_axi_v_wready),
      .m_axi_bid(m_axi_v_bid), .m_axi_bresp(m_axi_v_bresp), .m_axi_bvalid(m_axi_v_bvalid), .m_axi_bready(m_axi_v_bready)
  );

  // ---- keys ------------------------------------------------------------------------------------------------------------
  logic [32*Lanes-1:0] k, v;
  for (genvar i = 0; i < Lanes; i++) begin : gen_lanes
    wire [15:0] bits = seen_i[i] ? column_data[16*i+:16] : 16'h0000;  // those the block does not have are +0 like their p
    fp32_from_bf16 u_k (.clk_i, .enable_i(1'b1), .a_i(k_data[16*i+:16]), .y_o(k[32*i+:32]));
    fp32_from_bf16 u_v (.clk_i, .enable_i(1'b1), .a_i(bits), .y_o(v[32*i+:32]));
  end

  // ---- values ------------------------------------------------------------------------------------------------------------
  attention_transpose #(.MaxBeats(MaxBeats), .Blocks(Blocks)) u_transpose (
      .clk_i, .rst_ni(core_rst_ni), .s_data_i(v_data), .s_beats_i(v_beats), .s_end_i(v_end), .s_last_i(v_last),
      .s_valid_i(v_valid), .s_ready_o(v_ready), .m_beats_o(block_beats_o), .m_valid_o(block_valid_o),
      .m_ready_i(block_take_i), .release_i(block_release_i), .read_beat_i, .read_lane_i, .m_data_o(column_data)
  );

  for (genvar h = 0; h < QHeads; h++) begin : gen_heads
    attention_dot u_dot (.clk_i, .a_i(q_i[h]), .b_i(k), .y_o(dot_o[h]));
    attention_sum #(.MaxBeats(MaxBeats)) u_sum (
        .clk_i, .p_i(p_i[h]), .v_i(v), .alpha_i(alpha_i[h]), .read_i(column_read_i), .end_i(column_end_i),
        .end_valid_i, .bank_i(result_bank_i), .row_i(result_row_i), .result_o(result_o[h])
    );
  end
  wire unused = ^k_beats;
endmodule
