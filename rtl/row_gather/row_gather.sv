// row_gather: row source of decode. The tables of products stay in memory; of each position only the rows that the
// position's activation centroid picks are fetched.
//
//   row(p, g)[k] = table[p][cidx[p]][g][k]        k = 0 .. K-1, K = 16 << k_code <= Centroids
//
// Formats:     entries are EntryW-bit two's complement, passed through unchanged.
// Memory:      [position][centroid][group][K] entries. The rows of all groups of one (position, centroid) are contiguous,
//              padded to row_stride bytes (whole beats); a position takes C * row_stride bytes, C = 16 << c_code <= ActCentroids.
//              A job walks `positions` positions from `base` on and takes from each the `rows_per_fetch` consecutive groups that
//              begin `offset` bytes (a multiple of a row) inside the row set.
// Reads:       m_desc: one per position, in order, whole beats (fits hbm_streamer's s_desc); m_desc_tag is Tag.
//              s_axis_beat: their answers in the same order, tlast on the last beat of each.
// Row stream:  block (b, g) = K beats, g running inside b; beat k holds entry k of positions b*Lanes + lane, lane l at bit
//              l*EntryW; tlast on the last beat of a block.
// Order:       jobs, positions and rows in order. A job's reads may overtake the rows of the jobs before it (4 plans are held).
//
// Latency:       index to read: 5 cycles; job to its first read: 9 cycles, the judging of the job included.
//                last lane's beat to the first beat of its block: LaneBeats + 1 cycles (2 if LaneBeats > 3).
// Throughput:    m_desc: one read a cycle. Row stream: one beat a cycle as long as answers come in time; beats are taken one a cycle
//                from lane to lane, and every second cycle inside a lane.
// Back-pressure: readies depend only on registers. Waiting rows hold s_axis_beat, so it needs an hbm_streamer of its own:
//                one shared with the consumer's other stream could deadlock, as it delivers in order.
// Overflow:      none: nothing is computed on entries. Addresses are computed modulo 2^AddrW.
// Errors:        an illegal job is refused: cause_o says why, error_o stays, no job is taken any more; jobs before it finish. clear_i
//                (one cycle) empties the core and takes the error away. Answers to reads before a clear_i must not come after it:
//                clear the streamer with it.
// Reset:         synchronous, active low; empties the core as clear_i does: reset the streamer with it.
//
// Parameters:
//   Lanes         positions per block: 1, 2, 4, 8
//   Centroids     largest K: 16, 32, 64
//   ActCentroids  largest C: 16, 32, 64
//   EntryW        bits of an entry: 8, 16
//   BeatW         bits of a memory beat: 128, 256, 512
//   LaneBeats     beats that each lane holds, >= beats of a fetch; one more keeps the row stream without gaps
//   AddrW, BytesW, TagW  widths of a descriptor
//   StrideW       bits of row_stride and offset
//   PosW, RowsW   bits of positions and rows_per_fetch
//   Tag           tag of all reads
module row_gather
  import row_gather_pkg::*;
#(
    parameter int unsigned Lanes = 2,
    parameter int unsigned Centroids = 16,
    parameter int unsigned ActCentroids = 64,
    parameter int unsigned EntryW = 8,
    parameter int unsigned BeatW = 256,
    parameter int unsigned LaneBeats = ((Centroids * EntryW > BeatW) ? Centroids * EntryW / BeatW : 1) + 1,
    parameter int unsigned AddrW = 64,
    parameter int unsigned BytesW = 32,
    parameter int unsigned TagW = 8,
    parameter int unsigned StrideW = 16,
    parameter int unsigned PosW = 16,
    parameter int unsigned RowsW = 8,
    parameter int unsigned Tag = 0,
    localparam int unsigned CidxW = $clog2(ActCentroids)
) (
    input  logic                    clk_i,
    input  logic                    rst_ni,
    input  logic                    clear_i,
    input  logic [       AddrW-1:0] s_job_base,
    input  logic [     StrideW-1:0] s_job_row_stride,
    input  logic [     StrideW-1:0] s_job_offset,
    input  logic [        PosW-1:0] s_job_positions,
    input  logic [       RowsW-1:0] s_job_rows_per_fetch,
    input  logic [             1:0] s_job_k_code,          // 0: K = 16, 1: 32, 2: 64
    input  logic [             1:0] s_job_c_code,          // 0: C = 16, 1: 32, 2: 64
    input  logic                    s_job_tvalid,
    output logic                    s_job_tready,
    input  logic [       CidxW-1:0] s_axis_cidx_tdata,
    input  logic                    s_axis_cidx_tvalid,
    output logic                    s_axis_cidx_tready,
    output logic [       AddrW-1:0] m_desc_addr,
    output logic [      BytesW-1:0] m_desc_bytes,
    output logic [        TagW-1:0] m_desc_tag,
    output logic                    m_desc_tvalid,
    input  logic                    m_desc_tready,
    input  logic [       BeatW-1:0] s_axis_beat_tdata,
    input  logic                    s_axis_beat_tvalid,
    output logic                    s_axis_beat_tready,
    input  logic                    s_axis_beat_tlast,
    input  logic [        TagW-1:0] s_axis_beat_tuser,
    output logic [Lanes*EntryW-1:0] m_axis_row_tdata,
    output logic                    m_axis_row_tvalid,
    input  logic                    m_axis_row_tready,
    output logic                    m_axis_row_tlast,
    output logic                    busy_o,                // a job is under way, up to its last row beat
    output logic                    error_o,
    output cause_e                  cause_o
);
  localparam int unsigned StartW = $clog2(BeatW / EntryW);
  localparam int unsigned PlanW = StartW + PosW + RowsW + 2;

  if (!(Lanes inside {1, 2, 4, 8})) $error("%m: Lanes is %0d, allowed: 1, 2, 4, 8", Lanes);
  if (!(Centroids inside {16, 32, 64})) $error("%m: Centroids is %0d, allowed: 16, 32, 64", Centroids);
  if (!(ActCentroids inside {16, 32, 64})) $error("%m: ActCentroids is %0d, allowed: 16, 32, 64", ActCentroids);
  if (!(EntryW inside {8, 16})) $error("%m: EntryW is %0d, allowed: 8, 16", EntryW);
  if (!(BeatW inside {128, 256, 512})) $error("%m: BeatW is %0d, allowed: 128, 256, 512", BeatW);
  if (LaneBeats < 2 || LaneBeats * BeatW < Centroids * EntryW)
    $error("%m: LaneBeats is %0d, allowed: >= 2 and >= the beats of a row", LaneBeats);
  if (StrideW <= $clog2(BeatW / 8) || StrideW + CidxW > 32 || AddrW <= 32 || BytesW < $clog2(LaneBeats * BeatW / 8 + 1))
    $error("%m: StrideW, AddrW or BytesW does not fit a job");

  // Indices to reads -----------------------------------------------------------------------------------------------
  logic [CidxW-1:0] cidx;
  logic cidx_valid, cidx_ready;
  logic [PlanW-1:0] plan_in, plan_out;
  logic plan_in_valid, plan_in_ready, plan_out_valid, plan_out_ready;
  logic addr_busy, serialise_busy;
  logic [2:0] unused_level;

  spill_register #(
      .Width(CidxW)
  ) i_cidx (
      .clk_i, .rst_ni(rst_ni && !clear_i), .s_data_i(s_axis_cidx_tdata), .s_valid_i(s_axis_cidx_tvalid),
      .s_ready_o(s_axis_cidx_tready), .m_data_o(cidx), .m_valid_o(cidx_valid), .m_ready_i(cidx_ready)
  );

  row_gather_addr #(
      .Lanes(Lanes), .Centroids(Centroids), .ActCentroids(ActCentroids), .EntryW(EntryW), .BeatW(BeatW), .LaneBeats(LaneBeats),
      .AddrW(AddrW), .BytesW(BytesW), .StrideW(StrideW), .PosW(PosW), .RowsW(RowsW)
  ) i_addr (
      .clk_i, .rst_ni, .clear_i, .s_job_base, .s_job_row_stride, .s_job_offset, .s_job_positions, .s_job_rows_per_fetch,
      .s_job_k_code, .s_job_c_code, .s_job_tvalid, .s_job_tready, .s_axis_cidx_tdata(cidx), .s_axis_cidx_tvalid(cidx_valid),
      .s_axis_cidx_tready(cidx_ready), .m_desc_addr, .m_desc_bytes, .m_desc_tvalid, .m_desc_tready,
      .m_plan_start_o(plan_in[2+RowsW+PosW+:StartW]), .m_plan_positions_o(plan_in[2+RowsW+:PosW]),
      .m_plan_rows_o(plan_in[2+:RowsW]), .m_plan_k_code_o(plan_in[1:0]), .m_plan_valid_o(plan_in_valid),
      .m_plan_ready_i(plan_in_ready), .busy_o(addr_busy), .cause_o
  );
  assign m_desc_tag = TagW'(Tag);
  assign error_o    = cause_o != CauseNone;

  // The plans of the jobs whose rows are still on their way.
  fifo #(
      .Width(PlanW), .Depth(4)
  ) i_plans (
      .clk_i, .rst_ni, .clear_i, .s_data_i(plan_in), .s_valid_i(plan_in_valid), .s_ready_o(plan_in_ready), .m_data_o(plan_out),
      .m_valid_o(plan_out_valid), .m_ready_i(plan_out_ready), .level_o(unused_level)
  );

  // Answers to rows ---------------------------------------------------------------------------------------------------
  logic [Lanes*BeatW-1:0] lane_beat;
  logic [Lanes-1:0] lane_valid;
  logic lane_pop;

  row_gather_lanes #(
      .Lanes(Lanes), .BeatW(BeatW), .LaneBeats(LaneBeats)
  ) i_lanes (
      .clk_i, .rst_ni, .clear_i, .s_axis_beat_tdata, .s_axis_beat_tvalid, .s_axis_beat_tready, .s_axis_beat_tlast,
      .m_beat_o(lane_beat), .m_valid_o(lane_valid), .m_pop_i(lane_pop)
  );

  row_gather_serialise #(
      .Lanes(Lanes), .Centroids(Centroids), .EntryW(EntryW), .BeatW(BeatW), .PosW(PosW), .RowsW(RowsW)
  ) i_serialise (
      .clk_i, .rst_ni, .clear_i, .s_plan_start_i(plan_out[2+RowsW+PosW+:StartW]), .s_plan_positions_i(plan_out[2+RowsW+:PosW]),
      .s_plan_rows_i(plan_out[2+:RowsW]), .s_plan_k_code_i(plan_out[1:0]), .s_plan_valid_i(plan_out_valid),
      .s_plan_ready_o(plan_out_ready), .s_beat_i(lane_beat), .s_valid_i(lane_valid), .s_ready_o(lane_pop), .m_axis_row_tdata,
      .m_axis_row_tvalid, .m_axis_row_tready, .m_axis_row_tlast, .busy_o(serialise_busy)
  );
  assign busy_o = addr_busy || plan_out_valid || serialise_busy;

  a_tag :
  assert property (@(posedge clk_i) disable iff (!rst_ni || clear_i) s_axis_beat_tvalid |-> s_axis_beat_tuser == TagW'(Tag));
  a_row_stable :
  assert property (@(posedge clk_i) disable iff (!rst_ni || clear_i)
      m_axis_row_tvalid && !m_axis_row_tready |=> m_axis_row_tvalid && $stable({m_axis_row_tdata, m_axis_row_tlast}));
  a_read_stable :
  assert property (@(posedge clk_i) disable iff (!rst_ni || clear_i)
      m_desc_tvalid && !m_desc_tready |=> m_desc_tvalid && $stable({m_desc_addr, m_desc_bytes}));
  a_error_stops :
  assert property (@(posedge clk_i) disable iff (!rst_ni || clear_i) error_o |-> !s_job_tready && !m_desc_tvalid);
endmodule
