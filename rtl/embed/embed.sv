// embed: rows of the embedding table, from token ids to fp32 beats. The reads go to an hbm_streamer.
//
//   y = fp32 of table[id][0 .. values-1];  row id lies at base + 64 * stride * id, bf16 values without gaps
//
// Numbers:       exact; subnormals are zeros of their sign, every NaN is 0x7FC00000.
// Latency:       id to its read 4 cycles; beat taken to its last values 2 cycles.
// Throughput:    one beat of Lanes values a cycle, or one of memory where that is fewer values, rows back to back if the beats
//                come; one id in 5 cycles. Up to Ahead reads run ahead of the values.
// Back-pressure: every ready depends on registers and on the valid of its own stream's companion only.
// Errors:        an id that is not a row, or an illegal table, makes no read: error_o with cause_o stays and no other id is taken until
//                clear_i or the reset; the rows before it are finished.
// Clear:         clear_i (a pulse) empties the core and takes an error away (m_axis_tvalid may fall). Beats of reads from before must not come
//                after it: clear the streamer in the same cycle.
// Reset:         synchronous, active low; empties the core as clear_i does: reset the streamer with it.
//
// Parameters:
//   Lanes    values in an output beat, a power of two up to 64; lane 0, the lowest bits, is the first
//   BeatW    bits of a memory beat, a power of two, 32..512
//   AddrW, BytesW, TagW, Tag  of a read, as hbm_streamer's; AddrW > 32
//   IdW, StrideW  bits of the largest id and of stride, IdW + StrideW > 26; IdW < 32
//   ValuesW  bits of values
//   Ahead    reads that may wait for their beats, >= 2
// Ports:
//   base_i, stride_i, values_i, rows_i  of the table, sampled with each id, stable while that waits: bytes, a multiple of 64; 64-byte
//                                       units from row to row; values of a row, a multiple of Lanes; rows
module embed
  import embed_pkg::*;
#(
    parameter int unsigned Lanes = 16,
    parameter int unsigned BeatW = 256,
    parameter int unsigned AddrW = 64,
    parameter int unsigned BytesW = 32,
    parameter int unsigned TagW = 8,
    parameter int unsigned Tag = 0,
    parameter int unsigned IdW = 20,
    parameter int unsigned StrideW = 12,
    parameter int unsigned ValuesW = 16,
    parameter int unsigned Ahead = 4
) (
    input  logic                clk_i,
    input  logic                rst_ni,
    input  logic                clear_i,
    input  logic [   AddrW-1:0] base_i,
    input  logic [ StrideW-1:0] stride_i,
    input  logic [ ValuesW-1:0] values_i,
    input  logic [        31:0] rows_i,
    input  logic [        31:0] s_axis_id_tdata,
    input  logic                s_axis_id_tvalid,
    output logic                s_axis_id_tready,
    output logic [   AddrW-1:0] m_desc_addr,
    output logic [  BytesW-1:0] m_desc_bytes,
    output logic [    TagW-1:0] m_desc_tag,
    output logic                m_desc_tvalid,
    input  logic                m_desc_tready,
    input  logic [   BeatW-1:0] s_axis_beat_tdata,
    input  logic                s_axis_beat_tlast,
    input  logic                s_axis_beat_tvalid,
    output logic                s_axis_beat_tready,
    output logic [32*Lanes-1:0] m_axis_tdata,
    output logic                m_axis_tlast,
    output logic                m_axis_tvalid,
    input  logic                m_axis_tready,
    output logic                busy_o,               // an id is under way, up to its last values
    output logic                error_o,
    output cause_e              cause_o
);
  if (BeatW < 32 || BeatW > 512 || BeatW != 1 << $clog2(BeatW)) $error("%m: BeatW is %0d, allowed: powers of two 32..512", BeatW);
  if (Lanes < 1 || Lanes > 64 || Lanes != 1 << $clog2(Lanes))
    $error("%m: Lanes is %0d, allowed: powers of two up to 64", Lanes);
  if (AddrW <= 32) $error("%m: AddrW is %0d, allowed: > 32", AddrW);
  if (IdW + StrideW <= 26 || IdW > 31) $error("%m: IdW is %0d, allowed: ..31, with StrideW above 26", IdW);
  if (Ahead < 2) $error("%m: Ahead is %0d, allowed: >= 2", Ahead);

  logic [ValuesW-1:0] new_last, row_last;
  logic new_valid, new_ready, row_valid, row_ready, reading;
  wire rst_n = rst_ni && !clear_i;

  embed_read #(
      .Lanes(Lanes), .BeatW(BeatW), .AddrW(AddrW), .BytesW(BytesW), .IdW(IdW), .StrideW(StrideW), .ValuesW(ValuesW)
  ) u_read (
      .clk_i, .rst_ni, .clear_i, .base_i, .stride_i, .values_i, .rows_i,
      .s_id_i(s_axis_id_tdata), .s_valid_i(s_axis_id_tvalid), .s_ready_o(s_axis_id_tready),
      .m_desc_addr, .m_desc_bytes, .m_desc_tvalid, .m_desc_tready,
      .m_row_last_o(new_last), .m_row_valid_o(new_valid), .m_row_ready_i(new_ready),
      .busy_o(reading), .error_o, .cause_o
  );
  assign m_desc_tag = TagW'(Tag);

  logic [$clog2(Ahead+1)-1:0] level;
  fifo #(.Width(ValuesW), .Depth(Ahead)) u_rows (
      .clk_i, .rst_ni, .clear_i, .s_data_i(new_last), .s_valid_i(new_valid), .s_ready_o(new_ready),
      .m_data_o(row_last), .m_valid_o(row_valid), .m_ready_i(row_ready), .level_o(level)
  );

  embed_convert #(.Lanes(Lanes), .BeatW(BeatW), .ValuesW(ValuesW)) u_convert (
      .clk_i, .rst_ni(rst_n), .row_last_i(row_last), .row_valid_i(row_valid), .row_ready_o(row_ready),
      .s_axis_beat_tdata, .s_axis_beat_tlast, .s_axis_beat_tvalid, .s_axis_beat_tready,
      .m_axis_tdata, .m_axis_tlast, .m_axis_tvalid, .m_axis_tready
  );

  // Rows that are on their way to the consumer, the one in the conversion too.
  logic [$clog2(Ahead+4)-1:0] rows_q;
  wire left = m_axis_tvalid && m_axis_tready && m_axis_tlast;
  always_ff @(posedge clk_i) begin
    if (!rst_n) rows_q <= '0;
    else rows_q <= rows_q + ($clog2(Ahead + 4))'(new_valid) - ($clog2(Ahead + 4))'(left);
  end
  assign busy_o = reading || rows_q != '0;

  a_rows :
  assert property (@(posedge clk_i) disable iff (!rst_ni || clear_i) ($clog2(Ahead + 4))'(level) <= rows_q);
  a_room :
  assert property (@(posedge clk_i) disable iff (!rst_ni || clear_i) new_valid |-> new_ready);
  stream_checker #(.Width(AddrW + BytesW)) u_read_rules (
      .clk_i, .rst_ni(rst_n), .valid_i(m_desc_tvalid), .ready_i(m_desc_tready), .data_i({m_desc_addr, m_desc_bytes})
  );
endmodule
